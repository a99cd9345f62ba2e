-- Lists of exceptions by class, at the same cost however many there are of other classes.
CREATE INDEX exceptions_by_class ON exceptions (class, status, number);
