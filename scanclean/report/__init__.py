"""What a person looks at after a run: pages before and after, learning curves, the study."""
