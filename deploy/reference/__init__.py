"""Writes the pages that are made from something else: ``make reference``.

Each page is a function of the files and the code it speaks of, so a test can say whether it is
current; nobody edits it by hand.
"""
