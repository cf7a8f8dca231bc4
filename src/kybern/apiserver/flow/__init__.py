"""API priority and fairness: who waits for whom when there is more to do than the server should do at once."""
