"""What takes spans and rows, keeps them as Braintrust would, and answers Braintrust's REST interface."""
