"""Callers that share the database: they publish within transactions of their own."""

import asyncio
import json
import uuid

import psycopg

from survivors import Client


class Session(Client):
    """One transaction after the other: some held open for long, some rolled back."""

    def __init__(self, name, database, *arguments):
        super().__init__(name, *arguments)
        self.database = database
        self.connection = None
        self.number = 0

    async def run(self):
        try:
            while not self.calm.is_set():
                ids = [self.new_id() for _ in range(self.chance.randint(1, 4))]
                hold = self.chance.choice([0, 0, 0, 0.05, 0.2, 4])
                keeps = self.chance.random() < 0.85
                await asyncio.to_thread(self.transact, ids, hold, keeps)
                await self.pause()
        finally:
            if self.connection is not None:
                self.connection.close()

    def new_id(self):
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def transact(self, ids, hold, keeps):
        told = self.history.rolled_back
        try:
            if self.connection is None or self.connection.closed:
                self.connection = self.database.sql()
                self.connection.autocommit = False
            for id in ids:
                self.publish(id)
            self.connection.execute("select pg_sleep(%s)", [hold])
            if not keeps:
                self.connection.rollback()
                told.update(ids)
                return
        except psycopg.Error:
            # Nobody has asked for a commit.
            told.update(ids)
            self.drop()
            return
        try:
            self.connection.commit()
        except psycopg.Error:
            self.drop()
            return
        self.history.committed.update(ids)
        self.history.sessions[self.name] += ids

    def publish(self, id):
        self.number += 1
        key, payload = f"{self.name}-{self.number % 4}", f"{self.name}-{self.number}"
        self.history.sent[id] = (self.name, key, payload)
        self.connection.execute(
            "select apus.publish('chat.message.sent', %s, id => %s, tenant => 'torture',"
            " partition_key => %s)",
            [json.dumps({"messageId": payload}), id, key],
        )

    def drop(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None
