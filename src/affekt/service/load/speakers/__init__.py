"""One file = what one platform says. `affekt.service.load.leg` tells what a file owes."""
