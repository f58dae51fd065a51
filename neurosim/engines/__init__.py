"""Engines: an Image goes in, Counters and a trace come out.

``reference`` (SimPy) is the readable definition of the machine; ``compiled`` (numba) computes the
same, bit for bit, at speed.  Engines never open files, plot or sum energy.
"""
