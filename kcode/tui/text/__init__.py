"""Text on the screen: made safe, laid out in lines, with looks."""
