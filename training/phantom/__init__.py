"""A simulated chest radiograph: an analytic thorax before a point source, with every truth known.

No real film may ship, so this is the demo film, the installer's self-test, and the phantom on which measurements are
proved. It knows nothing of networks and reads no patient's film.

All lengths are millimetres in the patient's frame: x points to the patient's left (rightwards on the film), y to the
feet (downwards), z to the front (towards the detector: a PA film). The origin is the midline, at the height of the
lung apices, half way through the chest.
"""
