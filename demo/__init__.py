"""The demo: the UK's bodies, made-up people, the Zoom advisory, and the people who answer it. Development only."""
