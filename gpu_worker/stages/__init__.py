"""One stage of a render per file. A stage says what it needs and gives; the order stands in pipelines/."""
