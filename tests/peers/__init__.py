"""The cases of other packages' own tests, told in our words, with adapters to our functions.

Where what comes out differs on purpose, docs/compatibility.md says why.
"""
