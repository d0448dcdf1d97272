import pytest

from web.sound import audio


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "", "[::2]"])
def test_another_name_of_this_machine_is_refused(bench, host):
    for path in ("/", "/api/start", "/assets/workbench.js"):
        assert bench.client.get(path, headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8321", "[::1]:8321", "LOCALHOST"])
def test_this_machine_is_served(bench, host):
    assert bench.client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_another_page_can_change_nothing(bench, headers):
    assert bench.client.post("/api/clips", content=audio(), headers=headers).status_code == 403
    assert bench.client.post("/api/jobs", json={"task": "runs"}, headers=headers).status_code == 403
    assert bench.client.delete("/api/jobs/x", headers=headers).status_code == 403
    assert list(bench.folder.iterdir()) == []


def test_a_form_of_another_page_lacks_the_header(opened):
    client = opened(headers={}).client
    assert client.post("/api/clips", content=audio()).status_code == 403
    assert client.post("/api/clips", content=audio(), headers={"x-staanet": "1"}).status_code == 201


def test_no_other_page_may_ask_or_read(bench):
    asked = bench.client.options(
        "/api/jobs",
        headers={"origin": "http://evil.example", "access-control-request-method": "POST"},
    )
    assert asked.status_code in (403, 405)
    for answer in (asked, bench.client.get("/"), bench.client.get("/api/start")):
        assert not any(name.startswith("access-control") for name in answer.headers)
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_every_answer_says_what_a_page_may_load(bench):
    for path in ("/", "/assets/workbench.js", "/nosuch", "/api/start"):
        headers = bench.client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert "unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_a_token_is_asked_for_once_and_kept_in_a_cookie(opened):
    client = opened(app={"token": "secret", "names": None}).client
    for path in ("/", "/api/start", "/assets/workbench.js", "/?token=wrong", "/?token=", "/api/start?token=secret"):
        assert client.get(path).status_code == 401
    assert client.post("/api/clips", content=audio()).status_code == 401
    first = client.get("/?token=secret", follow_redirects=False)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert client.get("/").status_code == 200
    assert client.post("/api/clips", content=audio()).status_code == 201
    assert client.get("/", headers={"host": "lab.example"}).status_code == 200
