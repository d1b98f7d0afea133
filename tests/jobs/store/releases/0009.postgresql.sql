CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.installation (
    name character varying(80) NOT NULL,
    value character varying(80) NOT NULL
);
CREATE TABLE public.jobs (
    job_id integer NOT NULL,
    tenant_id character varying(64) NOT NULL,
    name character varying(200) NOT NULL,
    graph text NOT NULL,
    created_at double precision NOT NULL,
    updated_at double precision NOT NULL
);
CREATE SEQUENCE public.jobs_job_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.jobs_job_id_seq OWNED BY public.jobs.job_id;
CREATE TABLE public.node_states (
    run_id character varying(32) NOT NULL,
    node_id bigint NOT NULL,
    payload text NOT NULL
);
CREATE TABLE public.run_logs (
    run_id character varying(32) NOT NULL,
    size bigint NOT NULL,
    tail bytea NOT NULL
);
CREATE TABLE public.runs (
    run_id character varying(32) NOT NULL,
    tenant_id character varying(64) NOT NULL,
    job_id integer NOT NULL,
    job_name character varying(200) NOT NULL,
    status character varying(16) NOT NULL,
    reason text,
    exit_code integer,
    graph text NOT NULL,
    program text NOT NULL,
    idempotency_key character varying(255),
    request_hash character varying(64) NOT NULL,
    created_at double precision NOT NULL,
    started_at double precision,
    ended_at double precision,
    queued_at double precision NOT NULL,
    cancel_requested_at double precision,
    runner character varying(255),
    program_pid integer,
    program_start bigint,
    beat integer NOT NULL,
    parameters text,
    attempt integer,
    attempts integer,
    retry_of character varying(32),
    due_at double precision,
    started_by character varying(200),
    rows_in bigint,
    rows_out bigint,
    rows_rejected bigint
);
CREATE TABLE public.webhook_deliveries (
    delivery_id character varying(32) NOT NULL,
    webhook_id character varying(32) NOT NULL,
    event character varying(32) NOT NULL,
    job_id integer,
    run_id character varying(32),
    document text NOT NULL,
    status character varying(16) NOT NULL,
    attempts integer NOT NULL,
    created_at double precision NOT NULL,
    due_at double precision,
    tried_at double precision,
    answer integer,
    error text
);
CREATE TABLE public.webhooks (
    webhook_id character varying(32) NOT NULL,
    tenant_id character varying(64) NOT NULL,
    job_id integer,
    url text NOT NULL,
    form character varying(16) NOT NULL,
    ends character varying(200) NOT NULL,
    secret character varying(80) NOT NULL,
    old_secret character varying(80),
    old_secret_until double precision,
    created_at double precision NOT NULL,
    updated_at double precision NOT NULL,
    disabled_at double precision,
    disabled_reason text,
    failing_since double precision
);
ALTER TABLE ONLY public.jobs ALTER COLUMN job_id SET DEFAULT nextval('public.jobs_job_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0009');
INSERT INTO public.installation VALUES ('mark', 'bb23ec40247eec93');
INSERT INTO public.jobs VALUES (1, 'default', 'Copy of orders', '{"nodes": [{"id": 1, "type": "csv_input", "name": "Orders", "config": {"path": "orders.csv"}}, {"id": 2, "type": "csv_output", "name": "Copy", "config": {"path": "copy.csv"}}], "edges": [{"from": 1, "to": 2}]}', 1795790931.4775915, 1795790931.4775915);
INSERT INTO public.jobs VALUES (2, 'acme', 'Ünïcode ''job''', '{"nodes": [{"id": 1, "type": "csv_input", "name": "Orders", "config": {"path": "orders.csv"}}, {"id": 2, "type": "csv_output", "name": "Copy", "config": {"path": "copy.csv"}}], "edges": [{"from": 1, "to": 2}]}', 1795790931.483381, 1795790931.483381);
INSERT INTO public.node_states VALUES ('fc35540ac1854470872f191f379ffe0f', 1, '{"nodeId": 1, "nodeName": "Orders", "status": "completed", "rowCount": 5, "runId": "fc35540ac1854470872f191f379ffe0f", "seq": 3}');
INSERT INTO public.node_states VALUES ('fc35540ac1854470872f191f379ffe0f', 2, '{"nodeId": 2, "nodeName": "Copy", "status": "completed", "rowCount": 5, "runId": "fc35540ac1854470872f191f379ffe0f", "seq": 3}');
INSERT INTO public.node_states VALUES ('a196448dc51e4bcbafc6244d8a7a0791', 1, '{"nodeId": 1, "nodeName": "Orders", "status": "completed", "rowCount": 5, "runId": "a196448dc51e4bcbafc6244d8a7a0791", "seq": 3}');
INSERT INTO public.node_states VALUES ('a196448dc51e4bcbafc6244d8a7a0791', 2, '{"nodeId": 2, "nodeName": "Copy", "status": "completed", "rowCount": 5, "runId": "a196448dc51e4bcbafc6244d8a7a0791", "seq": 3}');
INSERT INTO public.node_states VALUES ('997f9771c27e46cca738a1c71e4ddb5f', 1, '{"nodeId": 1, "nodeName": "Orders", "status": "completed", "rowCount": 5, "runId": "997f9771c27e46cca738a1c71e4ddb5f", "seq": 3}');
INSERT INTO public.node_states VALUES ('997f9771c27e46cca738a1c71e4ddb5f', 2, '{"nodeId": 2, "nodeName": "Copy", "status": "completed", "rowCount": 5, "runId": "997f9771c27e46cca738a1c71e4ddb5f", "seq": 3}');
INSERT INTO public.run_logs VALUES ('fc35540ac1854470872f191f379ffe0f', 11, '12:00 done\012');
INSERT INTO public.run_logs VALUES ('a196448dc51e4bcbafc6244d8a7a0791', 11, 'it''s \377 bad\012');
INSERT INTO public.runs VALUES ('997f9771c27e46cca738a1c71e4ddb5f', 'default', 1, 'Copy of orders', 'lost', 'exit code 1: it''s "bad"
line two', 2, '{"nodes": [{"id": 1, "type": "csv_input", "name": "Orders", "config": {"path": "orders.csv"}}, {"id": 2, "type": "csv_output", "name": "Copy", "config": {"path": "copy.csv"}}], "edges": [{"from": 1, "to": 2}]}', 'print(''program'')
', 'key-2', 'hash-2', 1795790931.5369842, 1795790931.5381448, 1795790931.5396292, 1795790931.5369842, NULL, 'host-1/123/456', NULL, NULL, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.runs VALUES ('2fcc7aa2fb2d46a28ea995c094ff8df9', 'default', 1, 'Copy of orders', 'running', NULL, NULL, '{"nodes": [{"id": 1, "type": "csv_input", "name": "Orders", "config": {"path": "orders.csv"}}, {"id": 2, "type": "csv_output", "name": "Copy", "config": {"path": "copy.csv"}}], "edges": [{"from": 1, "to": 2}]}', 'print(''program'')
', 'key-3', 'hash-3', 1795790931.5490396, 1795790931.5505571, NULL, 1795790931.5490396, NULL, 'host-1/123/456', NULL, NULL, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.runs VALUES ('f0aad4b9aa9643fb85220c80a9224bbc', 'acme', 2, 'Ünïcode ''job''', 'queued', NULL, NULL, '{"nodes": [{"id": 1, "type": "csv_input", "name": "Orders", "config": {"path": "orders.csv"}}, {"id": 2, "type": "csv_output", "name": "Copy", "config": {"path": "copy.csv"}}], "edges": [{"from": 1, "to": 2}]}', 'print(''other'')
', NULL, '', 1795790931.5560563, NULL, NULL, 1795790931.5560563, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.runs VALUES ('a196448dc51e4bcbafc6244d8a7a0791', 'default', 1, 'Copy of orders', 'failed', 'exit code 1: it''s "bad"
line two', 1, '{"nodes": [{"id": 1, "type": "csv_input", "name": "Orders", "config": {"path": "orders.csv"}}, {"id": 2, "type": "csv_output", "name": "Copy", "config": {"path": "copy.csv"}}], "edges": [{"from": 1, "to": 2}]}', 'print(''program'')
', 'key-1', 'hash-1', 1795790931.5176632, 1795790931.5239725, 1795790931.528571, 1795790931.5176632, NULL, 'host-1/123/456', NULL, NULL, 1, '{"day": "2026-11-27"}', 1, 3, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.runs VALUES ('fc35540ac1854470872f191f379ffe0f', 'default', 1, 'Copy of orders', 'completed', NULL, 0, '{"nodes": [{"id": 1, "type": "csv_input", "name": "Orders", "config": {"path": "orders.csv"}}, {"id": 2, "type": "csv_output", "name": "Copy", "config": {"path": "copy.csv"}}], "edges": [{"from": 1, "to": 2}]}', 'print(''program'')
', 'key-0', 'hash-0', 1795790931.491796, 1795790931.4994094, 1795790931.503866, 1795790931.491796, NULL, 'host-1/123/456', NULL, NULL, 1, NULL, NULL, NULL, NULL, NULL, 'ann', 5, 5, 0);
INSERT INTO public.webhook_deliveries VALUES ('99998888777766665555444433332222', '11112222333344445555666677778888', 'run.failed', 1, NULL, '{}', 'waiting', 1, 1795790000, 1795790100, NULL, NULL, NULL);
INSERT INTO public.webhooks VALUES ('11112222333344445555666677778888', 'default', 1, 'https://example.com/hook', 'standard', 'failed lost', 'whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0', NULL, NULL, 1795790000, 1795790000, NULL, NULL, NULL);
SELECT pg_catalog.setval('public.jobs_job_id_seq', 2, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkey PRIMARY KEY (version_num);
ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (job_id);
ALTER TABLE ONLY public.node_states
    ADD CONSTRAINT node_states_pkey PRIMARY KEY (run_id, node_id);
ALTER TABLE ONLY public.run_logs
    ADD CONSTRAINT run_logs_pkey PRIMARY KEY (run_id);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (run_id);
ALTER TABLE ONLY public.webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (delivery_id);
ALTER TABLE ONLY public.webhooks
    ADD CONSTRAINT webhooks_pkey PRIMARY KEY (webhook_id);
CREATE INDEX deliveries_by_age ON public.webhook_deliveries USING btree (created_at);
CREATE INDEX deliveries_due ON public.webhook_deliveries USING btree (due_at);
CREATE INDEX deliveries_due_of_webhook ON public.webhook_deliveries USING btree (webhook_id, due_at);
CREATE INDEX deliveries_of_webhook ON public.webhook_deliveries USING btree (webhook_id, created_at, delivery_id);
CREATE INDEX last_run_of_job ON public.runs USING btree (tenant_id, job_id, created_at, run_id, status, started_at, ended_at);
CREATE INDEX names_of_jobs ON public.jobs USING btree (tenant_id, job_id, name);
CREATE UNIQUE INDEX one_active_run_a_job ON public.runs USING btree (job_id) WHERE ((status)::text = ANY (ARRAY[('queued'::character varying)::text, ('running'::character varying)::text]));
CREATE UNIQUE INDEX one_run_a_key ON public.runs USING btree (tenant_id, idempotency_key);
CREATE INDEX runs_by_end ON public.runs USING btree (ended_at);
CREATE INDEX runs_by_status_of_tenants ON public.runs USING btree (status, tenant_id);
CREATE INDEX runs_of_status ON public.runs USING btree (tenant_id, status, created_at, run_id);
CREATE INDEX runs_of_tenant ON public.runs USING btree (tenant_id, created_at, run_id);
CREATE INDEX webhooks_of_job ON public.webhooks USING btree (job_id);
CREATE INDEX webhooks_of_tenant ON public.webhooks USING btree (tenant_id, created_at, webhook_id);
ALTER TABLE ONLY public.node_states
    ADD CONSTRAINT node_states_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(run_id);
ALTER TABLE ONLY public.run_logs
    ADD CONSTRAINT run_logs_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(run_id);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.jobs(job_id);
ALTER TABLE ONLY public.webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES public.webhooks(webhook_id);
ALTER TABLE ONLY public.webhooks
    ADD CONSTRAINT webhooks_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.jobs(job_id);
ALTER TABLE public.runs ADD COLUMN runner_tag character varying(32);
ALTER TABLE public.runs ADD COLUMN traceparent character varying(55);
CREATE TABLE public.runners (
    runner character varying(255) NOT NULL PRIMARY KEY,
    tags text NOT NULL,
    takes_untagged boolean NOT NULL,
    seen_at double precision NOT NULL
);
CREATE INDEX runs_by_status_and_tag ON public.runs USING btree (status, runner_tag, tenant_id, created_at, run_id, due_at);
DROP INDEX public.runs_by_status_of_tenants;
ALTER TABLE public.runs ADD COLUMN kept text;
ALTER TABLE public.runs ADD COLUMN kept_bytes bigint;
ALTER TABLE public.runs ADD COLUMN from_run character varying(32);
ALTER TABLE public.runs ADD COLUMN from_node bigint;
ALTER TABLE public.runs ADD COLUMN again text;
CREATE INDEX kept_of_tenant ON public.runs USING btree (tenant_id, kept_bytes);
ALTER TABLE public.jobs ADD COLUMN idempotency_key character varying(255);
ALTER TABLE public.jobs ADD COLUMN request_hash character varying(64);
CREATE UNIQUE INDEX one_job_a_key ON public.jobs USING btree (tenant_id, idempotency_key);
