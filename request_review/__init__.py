"""Applications for data: form, qualification, history, committee, decision, agreement and registration."""
