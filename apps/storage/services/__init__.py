"""survey.py walks, counts and deletes what nobody names; keeping.py changes what owners say."""
