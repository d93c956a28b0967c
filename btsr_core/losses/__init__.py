"""Objectives and regularisers: pure functions of tensors, and the registry that names them."""
