"""Training of the nets that ship: `python -m enhance train`. Needs torch (`make install-torch`).

Data are images inside ordinary Python wheels and drawn ones: nothing is downloaded. What a net must
reach before it ships is in `gate`.
"""
