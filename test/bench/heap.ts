/** The heap engine beside Chrome DevTools' and the floor (heap-peers.ts says how). */
import './heap-peers.ts';
