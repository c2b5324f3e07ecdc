import sys
sys.own_site = 'the program has its own: ' + __name__
