"""A server that cleans pictures as they are posted: one session, frames pushed instead of pulled.

python examples/server.py 8000 &
curl --data-binary @frame.png localhost:8000 > clean.png     # 204 until the pipeline has seen enough
"""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

import cv2
import numpy as np

import peanut

pipeline = peanut.MovingObjects() | peanut.FlowEraser()


class Clean(BaseHTTPRequestHandler):
    def do_POST(self):
        data = np.frombuffer(self.rfile.read(int(self.headers["Content-Length"])), np.uint8)
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
        out = session.push(peanut.Frame.from_numpy(picture, bgr=True))  # the trap: often none, sometimes several
        self.send_response(200 if out else 204)
        self.end_headers()
        if out:
            self.wfile.write(cv2.imencode(".png", out[-1].numpy(bgr=True))[1].tobytes())


with pipeline.session(fps=25) as session, HTTPServer(("127.0.0.1", int(sys.argv[1])), Clean) as server:
    server.serve_forever()
