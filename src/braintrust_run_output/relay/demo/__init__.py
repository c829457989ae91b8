"""The relay's demo: a front end and an agent in processes of their own, the relay, and the one row that they become."""
