"""What a person looks at after a run: learning curves, the report of the study."""
