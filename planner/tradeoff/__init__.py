"""One measure against another: the exact curve with its breakpoints, and the limit that starts to bind at each."""
