"""Cut-outs on a CPU: a small network guesses, GrabCut decides by colour at work size, the edge is matted after."""
