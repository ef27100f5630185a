"""Models: one file is one architecture.

A module offers a frozen dataclass `Config` and `build(config)`. The network maps `(N, C, H, W)` in
[0, 1] to the same shape without padding or cropping inside, and exports with static shapes. To add
one, add a file; its weights then name it in their spec.
"""
