"""The course as the learner's side knows it: which labs there are, and how far she is."""
