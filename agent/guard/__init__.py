"""The runaway guard: what a task does is watched for signs that it goes in circles while money is spent."""
