"""Packages of the program: a tarball, a Debian package, an image for containers, and a list of what is inside.

    Scripts/shipping/build.py PROGRAM FOLDER     makes them
    Scripts/shipping/trial.py FOLDER             installs and runs them on a Debian of their own
"""
