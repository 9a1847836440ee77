"""For authors: read a lab's source, build both notebooks, prove them, run them. Learners never load this."""
