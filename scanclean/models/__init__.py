"""Models: one file is one architecture.

A module offers a frozen dataclass `Config` and `build(config)`. The network maps `(N, C, H, W)` in
[0, 1] to the same shape without padding or cropping inside, keeps its `config`, and exports with
static shapes. `Config` may say `multiple_of` (of the sides; else 1) and `fixed_tile` (a pixel
depends on the tile as a whole; else False), and refuses senseless numbers with a ValueError. A
module with `critic(config)` is trained against that critic. To add one, add a file; its weights
then name it in their spec.
"""
