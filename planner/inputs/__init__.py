"""From files to checked records: scenario and tables as written, each value with its place, and where numbers came from."""
