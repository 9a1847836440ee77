"""What a learner sees of her lab below a cell: header, hints, solutions, map of the course, trace, buttons."""
