-- One database for each service; the first one is made by the image itself.
CREATE DATABASE payments;
CREATE DATABASE reconciliation;
