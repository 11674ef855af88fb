"""Why nothing fits: the bounds that clash, as few as can be, the sum that proves it, and the ways out."""
