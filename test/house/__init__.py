"""The house rules that test/tidy holds the tree to: one file of rules for each subject."""
