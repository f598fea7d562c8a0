"""Layers of PyG and torch in quantized form, one file each; importing a file registers it."""
