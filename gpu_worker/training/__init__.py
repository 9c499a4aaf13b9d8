"""How the salient-product network is made: labels, composites, training, export, evaluation."""
