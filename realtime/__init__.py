"""From NATS to every browser that watches, told by docs/life_of_an_event.md.

    bridge   →  what NATS brings becomes events, in order and without a gap         bridge/
    hub      →  one thread notes what is true of each job                           hub/
    clients  →  who watches it gets it, as fast as it reads                         clients/
    sockets  →  the bytes of a WebSocket                                            sockets/

Events, and what they make of a job (snapshot), are what all of these speak of. The service builds and starts them, the
door lets browsers in.
"""
