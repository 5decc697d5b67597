"""A pretended device: tensors that say they are on a GPU, and hold the numbers of a CPU."""
