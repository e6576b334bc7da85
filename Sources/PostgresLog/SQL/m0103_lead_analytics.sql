-- Migration 103: the tables of the projection lead-analytics. No parameters, no result.

-- Each lead with the source it is attributed to: the first that named it.
create table apus.leads (
    tenant text collate "C" not null,
    lead_id text collate "C" not null,
    source text collate "C" not null,
    created_at timestamptz not null,
    position bigint not null,
    primary key (tenant, lead_id)
);

-- How many leads reached a stage, by the source they are attributed to.
create table apus.lead_funnel (
    tenant text collate "C" not null,
    source text collate "C" not null,
    stage text collate "C" not null,
    leads bigint not null,
    primary key (tenant, source, stage)
);

-- By day (UTC): how often a source brought a lead, and how many leads it brought first.
create table apus.lead_attribution (
    tenant text collate "C" not null,
    source text collate "C" not null,
    day date not null,
    touches bigint not null,
    leads bigint not null,
    primary key (tenant, source, day)
);
