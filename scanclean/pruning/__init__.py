"""Networks with fewer weights: dense-sparse-dense training, zeros, fewer kernel bases.

masks      which weights of a layer are zero
dsd        the phases of dense-sparse-dense training, its control, and other ways to train on
bases      fewer kernel bases in each block, mixed anew
budget     how many bases each block gets
options    what a user asks for
work       all of that, in folders that can be resumed
"""
