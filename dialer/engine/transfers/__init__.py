"""Transfers of a call: hold, consult, three-way call, and blind or warm transfer."""
