BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
INSERT INTO "alembic_version" VALUES('0009');
CREATE TABLE installation (
	name VARCHAR(80) NOT NULL, 
	value VARCHAR(80) NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "installation" VALUES('mark','d05544ce90eba21b');
CREATE TABLE jobs (
	job_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	tenant_id VARCHAR(64) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	graph TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	updated_at DOUBLE NOT NULL
);
INSERT INTO "jobs" VALUES(1,'default','Copy of orders','{"nodes": [{"id": 1, "type": "csv_input", "name": "Orders", "config": {"path": "orders.csv"}}, {"id": 2, "type": "csv_output", "name": "Copy", "config": {"path": "copy.csv"}}], "edges": [{"from": 1, "to": 2}]}',1.79579091850753426546e+09,1.79579091850753426546e+09);
INSERT INTO "jobs" VALUES(2,'acme','Ünïcode ''job''','{"nodes": [{"id": 1, "type": "csv_input", "name": "Orders", "config": {"path": "orders.csv"}}, {"id": 2, "type": "csv_output", "name": "Copy", "config": {"path": "copy.csv"}}], "edges": [{"from": 1, "to": 2}]}',1.79579091850936770438e+09,1.79579091850936770438e+09);
CREATE TABLE node_states (
	run_id VARCHAR(32) NOT NULL, 
	node_id BIGINT NOT NULL, 
	payload TEXT NOT NULL, 
	PRIMARY KEY (run_id, node_id), 
	FOREIGN KEY(run_id) REFERENCES runs (run_id)
);
INSERT INTO "node_states" VALUES('f402ffe63d8c41189622c299762a7bd0',1,'{"nodeId": 1, "nodeName": "Orders", "status": "completed", "rowCount": 5, "runId": "f402ffe63d8c41189622c299762a7bd0", "seq": 3}');
INSERT INTO "node_states" VALUES('f402ffe63d8c41189622c299762a7bd0',2,'{"nodeId": 2, "nodeName": "Copy", "status": "completed", "rowCount": 5, "runId": "f402ffe63d8c41189622c299762a7bd0", "seq": 3}');
INSERT INTO "node_states" VALUES('1151b8e05d8a4db8b239013a9255b88c',1,'{"nodeId": 1, "nodeName": "Orders", "status": "completed", "rowCount": 5, "runId": "1151b8e05d8a4db8b239013a9255b88c", "seq": 3}');
INSERT INTO "node_states" VALUES('1151b8e05d8a4db8b239013a9255b88c',2,'{"nodeId": 2, "nodeName": "Copy", "status": "completed", "rowCount": 5, "runId": "1151b8e05d8a4db8b239013a9255b88c", "seq": 3}');
INSERT INTO "node_states" VALUES('78cb4bd13896499da6930d2d67634fec',1,'{"nodeId": 1, "nodeName": "Orders", "status": "completed", "rowCount": 5, "runId": "78cb4bd13896499da6930d2d67634fec", "seq": 3}');
INSERT INTO "node_states" VALUES('78cb4bd13896499da6930d2d67634fec',2,'{"nodeId": 2, "nodeName": "Copy", "status": "completed", "rowCount": 5, "runId": "78cb4bd13896499da6930d2d67634fec", "seq": 3}');
CREATE TABLE run_logs (
	run_id VARCHAR(32) NOT NULL, 
	size BIGINT NOT NULL, 
	tail BLOB NOT NULL, 
	PRIMARY KEY (run_id), 
	FOREIGN KEY(run_id) REFERENCES runs (run_id)
);
INSERT INTO "run_logs" VALUES('f402ffe63d8c41189622c299762a7bd0',11,X'31323A303020646F6E650A');
INSERT INTO "run_logs" VALUES('1151b8e05d8a4db8b239013a9255b88c',11,X'6974277320FF206261640A');
CREATE TABLE runs (
	run_id VARCHAR(32) NOT NULL, 
	tenant_id VARCHAR(64) NOT NULL, 
	job_id INTEGER NOT NULL, 
	job_name VARCHAR(200) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	reason TEXT, 
	exit_code INTEGER, 
	graph TEXT NOT NULL, 
	program TEXT NOT NULL, 
	idempotency_key VARCHAR(255), 
	request_hash VARCHAR(64) NOT NULL, 
	created_at DOUBLE NOT NULL, 
	started_at DOUBLE, 
	ended_at DOUBLE, 
	queued_at DOUBLE NOT NULL, 
	cancel_requested_at DOUBLE, 
	runner VARCHAR(255), 
	program_pid INTEGER, 
	program_start BIGINT, 
	beat INTEGER NOT NULL, parameters TEXT, attempt INTEGER, attempts INTEGER, retry_of VARCHAR(32), due_at DOUBLE, started_by VARCHAR(200), rows_in BIGINT, rows_out BIGINT, rows_rejected BIGINT, 
	PRIMARY KEY (run_id), 
	FOREIGN KEY(job_id) REFERENCES jobs (job_id)
);
INSERT INTO "runs" VALUES('f402ffe63d8c41189622c299762a7bd0','default',1,'Copy of orders','completed',NULL,0,'{"nodes": [{"id": 1, "type": "csv_input", "name": "Orders", "config": {"path": "orders.csv"}}, {"id": 2, "type": "csv_output", "name": "Copy", "config": {"path": "copy.csv"}}], "edges": [{"from": 1, "to": 2}]}','print(''program'')
','key-0','hash-0',1.79579091851625013346e+09,1.79579091851833271987e+09,1.79579091852459144591e+09,1.79579091851625013346e+09,NULL,'host-1/123/456',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,'ann',5,5,0);
INSERT INTO "runs" VALUES('1151b8e05d8a4db8b239013a9255b88c','default',1,'Copy of orders','failed','exit code 1: it''s "bad"
line two',1,'{"nodes": [{"id": 1, "type": "csv_input", "name": "Orders", "config": {"path": "orders.csv"}}, {"id": 2, "type": "csv_output", "name": "Copy", "config": {"path": "copy.csv"}}], "edges": [{"from": 1, "to": 2}]}','print(''program'')
','key-1','hash-1',1.79579091852714490887e+09,1.79579091853204655645e+09,1.79579091853280520436e+09,1.79579091852714490887e+09,NULL,'host-1/123/456',NULL,NULL,1,'{"day": "2026-11-27"}',1,3,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "runs" VALUES('78cb4bd13896499da6930d2d67634fec','default',1,'Copy of orders','lost','exit code 1: it''s "bad"
line two',2,'{"nodes": [{"id": 1, "type": "csv_input", "name": "Orders", "config": {"path": "orders.csv"}}, {"id": 2, "type": "csv_output", "name": "Copy", "config": {"path": "copy.csv"}}], "edges": [{"from": 1, "to": 2}]}','print(''program'')
','key-2','hash-2',1.7957909185341320038e+09,1.79579091853461599351e+09,1.7957909185351772309e+09,1.7957909185341320038e+09,NULL,'host-1/123/456',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "runs" VALUES('1b5293580fec4902b1d07e785ff8ddd3','default',1,'Copy of orders','running',NULL,NULL,'{"nodes": [{"id": 1, "type": "csv_input", "name": "Orders", "config": {"path": "orders.csv"}}, {"id": 2, "type": "csv_output", "name": "Copy", "config": {"path": "copy.csv"}}], "edges": [{"from": 1, "to": 2}]}','print(''program'')
','key-3','hash-3',1.79579091854500865941e+09,1.79579091854553914067e+09,NULL,1.79579091854500865941e+09,NULL,'host-1/123/456',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "runs" VALUES('b9afbda704654550acb93f82757a938d','acme',2,'Ünïcode ''job''','queued',NULL,NULL,'{"nodes": [{"id": 1, "type": "csv_input", "name": "Orders", "config": {"path": "orders.csv"}}, {"id": 2, "type": "csv_output", "name": "Copy", "config": {"path": "copy.csv"}}], "edges": [{"from": 1, "to": 2}]}','print(''other'')
',NULL,'',1.795790918546620369e+09,NULL,NULL,1.795790918546620369e+09,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE webhook_deliveries (
	delivery_id VARCHAR(32) NOT NULL, 
	webhook_id VARCHAR(32) NOT NULL, 
	event VARCHAR(32) NOT NULL, 
	job_id INTEGER, 
	run_id VARCHAR(32), 
	document TEXT NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	attempts INTEGER NOT NULL, 
	created_at DOUBLE NOT NULL, 
	due_at DOUBLE, 
	tried_at DOUBLE, 
	answer INTEGER, 
	error TEXT, 
	PRIMARY KEY (delivery_id), 
	FOREIGN KEY(webhook_id) REFERENCES webhooks (webhook_id)
);
INSERT INTO "webhook_deliveries" VALUES('99998888777766665555444433332222','11112222333344445555666677778888','run.failed',1,NULL,'{}','waiting',1,1795790000.0,1795790100.0,NULL,NULL,NULL);
CREATE TABLE webhooks (
	webhook_id VARCHAR(32) NOT NULL, 
	tenant_id VARCHAR(64) NOT NULL, 
	job_id INTEGER, 
	url TEXT NOT NULL, 
	form VARCHAR(16) NOT NULL, 
	ends VARCHAR(200) NOT NULL, 
	secret VARCHAR(80) NOT NULL, 
	old_secret VARCHAR(80), 
	old_secret_until DOUBLE, 
	created_at DOUBLE NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	disabled_at DOUBLE, 
	disabled_reason TEXT, 
	failing_since DOUBLE, 
	PRIMARY KEY (webhook_id), 
	FOREIGN KEY(job_id) REFERENCES jobs (job_id)
);
INSERT INTO "webhooks" VALUES('11112222333344445555666677778888','default',1,'https://example.com/hook','standard','failed lost','whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0',NULL,NULL,1795790000.0,1795790000.0,NULL,NULL,NULL);
CREATE INDEX last_run_of_job ON runs (tenant_id, job_id, created_at, run_id, status, started_at, ended_at);
CREATE UNIQUE INDEX one_active_run_a_job ON runs (job_id) WHERE status IN ('queued', 'running');
CREATE INDEX runs_by_end ON runs (ended_at);
CREATE UNIQUE INDEX one_run_a_key ON runs (tenant_id, idempotency_key);
CREATE INDEX runs_of_tenant ON runs (tenant_id, created_at, run_id);
CREATE INDEX runs_of_status ON runs (tenant_id, status, created_at, run_id);
CREATE INDEX names_of_jobs ON jobs (tenant_id, job_id, name);
CREATE INDEX webhooks_of_tenant ON webhooks (tenant_id, created_at, webhook_id);
CREATE INDEX webhooks_of_job ON webhooks (job_id);
CREATE INDEX deliveries_due ON webhook_deliveries (due_at);
CREATE INDEX deliveries_of_webhook ON webhook_deliveries (webhook_id, created_at, delivery_id);
CREATE INDEX deliveries_due_of_webhook ON webhook_deliveries (webhook_id, due_at);
CREATE INDEX deliveries_by_age ON webhook_deliveries (created_at);
CREATE INDEX runs_by_status_of_tenants ON runs (status, tenant_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('jobs',2);
ALTER TABLE runs ADD COLUMN runner_tag VARCHAR(32);
ALTER TABLE runs ADD COLUMN traceparent VARCHAR(55);
CREATE TABLE runners (
	runner VARCHAR(255) NOT NULL, 
	tags TEXT NOT NULL, 
	takes_untagged BOOLEAN NOT NULL, 
	seen_at DOUBLE NOT NULL, 
	PRIMARY KEY (runner)
);
CREATE INDEX runs_by_status_and_tag ON runs (status, runner_tag, tenant_id, created_at, run_id, due_at);
DROP INDEX runs_by_status_of_tenants;
ALTER TABLE runs ADD COLUMN kept TEXT;
ALTER TABLE runs ADD COLUMN kept_bytes BIGINT;
ALTER TABLE runs ADD COLUMN from_run VARCHAR(32);
ALTER TABLE runs ADD COLUMN from_node BIGINT;
ALTER TABLE runs ADD COLUMN again TEXT;
CREATE INDEX kept_of_tenant ON runs (tenant_id, kept_bytes);
ALTER TABLE jobs ADD COLUMN idempotency_key VARCHAR(255);
ALTER TABLE jobs ADD COLUMN request_hash VARCHAR(64);
CREATE UNIQUE INDEX one_job_a_key ON jobs (tenant_id, idempotency_key);
COMMIT;
