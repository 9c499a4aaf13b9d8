"""The raw webhook inbox: stored before it is understood."""
