"""The service's keys by what they do: wrapping data keys, signing by name, MACs by name.

`home` says what a home of keys does, `names` which keys there are and which process takes which, `handles` is what a
process is handed, `local` the home in one file. Whoever uses a key imports from `home` and `handles` only.
"""
