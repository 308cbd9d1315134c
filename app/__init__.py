"""The Qt application. Shows a Session; decides nothing about pixels."""
