"""Cut-outs without weights: a model of the border, region growing and GrabCut at work size, edge matting
at full size."""
