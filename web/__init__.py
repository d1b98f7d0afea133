"""What serves the whole site, and not the path of events alone.

- callers/: who is asking: tokens, sessions, cookies
- serving/: gunicorn's workers, their connections, threads and deadlines
- beside them: origins and CORS, proxies, the page's files, what stands in logs
"""
