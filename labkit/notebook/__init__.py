"""What a learner sees below a cell: header, hints, solutions, map of the course, trace, buttons."""
