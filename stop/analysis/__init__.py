"""What the records of a run say: pure functions on numbers and on the frames of a run folder."""
