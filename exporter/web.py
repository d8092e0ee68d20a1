"""The exporter's HTTP face: metrics, health, reload, configuration."""

import gzip
import logging
import time
from importlib.metadata import version
from itertools import chain

import yaml
from flask import Flask, Response, make_response, request
from prometheus_client import ProcessCollector

from exporter.exposition import encoder
from exporter.oneoff import OneLook, RefusedError
from exporter.runtime import Runtime
from exporter.snapshot import process_samples
from nodekit.settings import ConfigError

log = logging.getLogger(__name__)


def application(runtime: Runtime) -> Flask:
    """The WSGI application of one runtime."""
    app = Flask(__name__)
    _metrics(app, runtime)
    _probe(app)
    _health(app, runtime)
    _configuration(app, runtime)
    return app


def _metrics(app: Flask, runtime: Runtime) -> None:
    process = ProcessCollector(registry=None)

    @app.get("/metrics")
    def metrics() -> Response:
        """Text 0.0.4 or OpenMetrics, as the Accept header asks; `name[]` selects series."""
        write, content_type = encoder(request.headers.get("Accept", ""))
        names, now = frozenset(request.args.getlist("name[]")), runtime.now()
        samples = chain(runtime.samples(now), process_samples(process))
        body = write((one for one in samples if one.metric.name in names) if names else samples, now)
        response = make_response(body, 200, {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"})
        if request.accept_encodings["gzip"] > 0:
            response.set_data(gzip.compress(body, 1))
            response.headers["Content-Encoding"] = "gzip"
        return response


def _probe(app: Flask) -> None:
    @app.get("/probe")
    def probe() -> Response:
        """One look at `target` with `module`, as blackbox_exporter does it."""
        try:
            look = OneLook(
                request.args.get("target", ""),
                request.args.get("module", "nodeos"),
                request.headers.get("X-Prometheus-Scrape-Timeout-Seconds", type=float),
            )
        except RefusedError as error:
            return _text(str(error), 400)
        write, content_type = encoder(request.headers.get("Accept", ""))
        now = time.time()
        return make_response(write(look.samples(now), now), 200, {"Content-Type": content_type})


def _health(app: Flask, runtime: Runtime) -> None:
    @app.get("/-/healthy")
    def healthy() -> Response:
        return _text("chainwarden exporter is healthy.")

    @app.get("/-/ready")
    def ready() -> Response:
        unseen = runtime.unseen()
        if unseen:
            return _text(f"not ready: not looked at yet: {', '.join(unseen)}", 503)
        return _text("chainwarden exporter is ready.")

    @app.get("/")
    def home() -> Response:
        page = (
            "<!doctype html><title>chainwarden exporter</title>"
            f"<h1>chainwarden exporter {version('chainwarden')}</h1>"
            "<p><a href=/metrics>metrics</a> · <a href=/config>configuration</a> · "
            "<a href=/-/healthy>health</a> · <a href=/-/ready>readiness</a></p>"
        )
        return make_response(page, 200)


def _configuration(app: Flask, runtime: Runtime) -> None:
    @app.get("/config")
    def config() -> Response:
        """The configuration in force; secrets are file names only."""
        return _text(yaml.safe_dump(runtime.config.model_dump(mode="json"), sort_keys=False).rstrip())

    @app.post("/-/reload")
    def reload() -> Response:
        try:
            runtime.reload()
        except ConfigError as error:
            log.error("the configuration was not reloaded: %s", error)
            return _text(f"not reloaded, the old configuration stays:\n{error}", 500)
        return _text("reloaded")


def _text(text: str, status: int = 200) -> Response:
    return make_response(text + "\n", status, {"Content-Type": "text/plain; charset=utf-8"})
