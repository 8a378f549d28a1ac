"""What generated programs can import besides the standard library and numpy: `helpers`.

Owns: nothing at run time.  Does not own: how it gets into the child (zygote).
"""
