"""What several checkers share: kernels over Arrow buffers, offsets, hashes, escaping."""
